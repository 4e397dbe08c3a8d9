"""NASM, as it was fetched."""

from toolbox import keep_source

keep_source("nasm", "nasm.exe")
