"""Commands about the tree, one file each; `supervisor.main` gathers them."""
