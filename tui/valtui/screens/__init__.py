"""The screens: each asks feed and figures, and gives widgets plain series and texts."""
