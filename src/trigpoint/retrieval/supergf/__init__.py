"""SuperGF: a global descriptor of an image, computed from the local features of a frozen front end by a small transformer.

Song, Yan, Lei and Okatani: SuperGF: Unifying Local and Global Features for Visual Localization, arXiv 2212.13105.
"""
