"""What leaves the house: the PDF, tables as files, the manifest, a folder that appears whole."""
