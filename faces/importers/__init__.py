"""Importers: folders of photographs, in the layouts that face datasets come in, read into an album."""
