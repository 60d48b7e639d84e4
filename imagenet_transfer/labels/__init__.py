"""Label sets over WordNet, and the manifests of images drawn by them."""
