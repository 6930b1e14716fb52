"""Recipes for tests: a base with Python 3.11 and one step for each line."""

from homeport.manifest.schema import ImageRecipe, ImageStep


def recipe_of(*lines: str) -> ImageRecipe:
    return ImageRecipe(steps=tuple(ImageStep("run_commands", (line,)) for line in lines))
