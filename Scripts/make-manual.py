#!/usr/bin/env python3
"""Writes Docs/fathom.1 from the program's own description of its options.

    .build/release/fathom --experimental-dump-help | python3 Scripts/make-manual.py > Docs/fathom.1
"""
import json
import sys


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in ".'" else line for line in text.splitlines())


def names(argument):
    dashes = {"long": "--", "short": "-", "longWithSingleDash": "-"}
    return [dashes[name["kind"]] + name["name"] for name in argument.get("names", [])]


def arguments(command):
    lines = []
    for argument in command.get("arguments", []):
        if argument.get("shouldDisplay") is False or "help" in names(argument)[0:1]:
            continue
        value = argument.get("valueName", "value")
        if argument["kind"] == "positional":
            title = f"\\fI{escape(value)}\\fR"
        else:
            title = ", ".join(f"\\fB{escape(name)}\\fR" for name in names(argument))
            if argument["kind"] == "option":
                title += f" \\fI{escape(value)}\\fR"
        lines += [".TP", title, escape(argument.get("abstract", ""))]
    return lines


def section(command, path):
    full = " ".join(path + [command["commandName"]])
    lines = [f".SS {escape(full)}", escape(command.get("abstract", ""))]
    lines += arguments(command)
    for child in command.get("subcommands", []):
        if child["commandName"] != "help":
            lines += section(child, path + [command["commandName"]])
    return lines


def main():
    root = json.load(sys.stdin)["command"]
    lines = ['.TH FATHOM 1 "" "Fathom" "User Commands"', ".SH NAME", "fathom \\- video in, depth out",
             ".SH SYNOPSIS", "\\fBfathom\\fR \\fIcommand\\fR [\\fIoptions\\fR]",
             ".SH DESCRIPTION",
             "Turns recordings, stills, image sequences and streams into depth videos, depth frames or frame dumps.",
             "A picture's frames keep their times; sound, subtitles, data tracks, chapters and metadata come along.",
             ".SH COMMANDS"]
    for child in root.get("subcommands", []):
        if child["commandName"] != "help":
            lines += section(child, [root["commandName"]])
    lines += [".SH EXIT STATUS",
              ".TP", "0", "done", ".TP", "1", "failed", ".TP", "3", "done, but with damage in the input and \\fB\\-\\-strict\\fR",
              ".TP", "64", "wrong usage", ".TP", "130", "interrupted; the output is closed and playable",
              ".SH EXAMPLES",
              ".nf", escape("fathom run drive.mp4 -o depth.mp4"), escape("fathom run drive.mp4 --layout depth --colormap turbo"),
              escape("fathom run drive.mp4 --frames npy --frames-dir depth"), ".fi"]
    print("\n".join(lines))


main()
