"""The names that can be asked for, light enough for the command line's help."""

from typing import Literal

AspectName = Literal["9:16", "4:5", "1:1", "16:9"]
LayoutName = Literal["auto", "fill", "fit"]
SafeAreaName = Literal["all", "tiktok", "reels", "shorts"]
TranscriberName = Literal["auto", "local", "api", "captions"]
StyleName = Literal["bold", "pop", "box", "keyword", "clean", "none"]
