"""The command line: flags become a request, events become lines or a live board, errors one line and a status."""
