"""Where steps run: docker, the sandbox and native, behind one small protocol (base.py)."""
