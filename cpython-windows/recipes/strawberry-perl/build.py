"""Strawberry Perl, as it was fetched, less the C compiler that it brings."""

from toolbox import keep_source

keep_source("strawberry-perl", "perl/bin/perl.exe", without=("c", "cpan", "data"))
