"""Commands about data, one small file each; `upbitd` gathers them."""
