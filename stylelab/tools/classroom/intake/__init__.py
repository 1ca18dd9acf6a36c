"""Find submissions in folders, zips and exports of learning platforms."""
