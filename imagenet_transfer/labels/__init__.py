"""Label sets over WordNet, and the manifests of images that are drawn with them."""
