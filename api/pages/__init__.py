"""The HTML pages: what anybody with a browser sees."""
