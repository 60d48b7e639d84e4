"""The paper's statements, judged by the study's runs."""
