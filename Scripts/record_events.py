#!/usr/bin/env python3
"""Prints TensorBoard's own bytes for the events in Tests/FathomLearningTests/RecordedEvents.swift.

Recorded with tensorboard 2.21.0 on x86-64.
    python3 -m venv .venv && .venv/bin/pip install tensorboard==2.21.0
    .venv/bin/python Scripts/record_events.py > Tests/FathomLearningTests/RecordedEvents.swift
"""
import io

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

Value = Summary.Value
EVENTS = {
    "version": Event(wall_time=1.5, file_version="brain.Event:2"),
    "scalars": Event(
        wall_time=1.5,
        step=300,
        summary=Summary(
            value=[Value(tag="train/loss", simple_value=0.25), Value(tag="rate", simple_value=3)]
        ),
    ),
    "picture": Event(
        wall_time=1.5,
        step=7,
        summary=Summary(
            value=[
                Value(
                    tag="p",
                    image=Summary.Image(height=2, width=300, colorspace=3, encoded_image_string=b"\1\2\3"),
                )
            ]
        ),
    ),
    "start": Event(wall_time=1.5, step=12, session_log=SessionLog(status=SessionLog.START)),
}


class Kept(io.BytesIO):
    """RecordWriter closes nothing that is needed later."""


print("/// What Scripts/record_events.py recorded from TensorBoard.")
print("enum RecordedEvents {")
for name, event in EVENTS.items():
    file = Kept()
    RecordWriter(file).write(event.SerializeToString())
    print(f"    static let {name} =")
    print(f'        "{file.getvalue().hex()}"')
print("}")
