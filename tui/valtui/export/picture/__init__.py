"""Charts as drawings of their own: a scene of lines, areas and words, written as SVG or PNG."""
