"""The competition bundle: competition.yaml with its pages, logo and terms, as a folder or a ZIP."""
