"""Holds our .proto files against the descriptors that pymilvus ships: every service, call, message, field and value that it can name on the wire
must be known to us under the same name, number and type, since a field that is unknown is read over in silence.

Usage, by the Python where it is installed: python descriptors_day.py IMAGE      (IMAGE: what `buf build -o` made of our files)
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from google.protobuf import descriptor_pb2
from pymilvus.grpc_gen import common_pb2, feder_pb2, milvus_pb2, msg_pb2, rg_pb2, schema_pb2
from server_process import Checks

PROTO = descriptor_pb2.FieldDescriptorProto
# Arrays of fixed or packed elements that our files declare as bytes: the same on the wire.
PACKED = ("data", "scores", "string_data")
check = Checks()


def packed(name, theirs, ours):
    return name.rsplit(".", 1)[1] in PACKED and ours[0] == theirs[0] and ours[1] == "bytes" and ours[2] == "one"


def shape(field):
    kind = field.type_name or PROTO.Type.Name(field.type)[len("TYPE_") :].lower()
    return field.number, kind, "many" if field.label == PROTO.LABEL_REPEATED else "one"


def add_values(facts, name, enum):
    for value in enum.value:
        facts["value"][f"{name}.{enum.name}.{value.name}"] = value.number


def add_message(facts, name, message):
    name = f"{name}.{message.name}"
    facts["message"][name] = True
    for field in message.field:
        facts["field"][f"{name}.{field.name}"] = shape(field)
    for enum in message.enum_type:
        add_values(facts, name, enum)
    for nested in message.nested_type:
        add_message(facts, name, nested)


def facts_of(files):
    facts = {"call": {}, "message": {}, "field": {}, "value": {}}
    for file in files:
        for message in file.message_type:
            add_message(facts, file.package, message)
        for enum in file.enum_type:
            add_values(facts, file.package, enum)
        for service in file.service:
            for call in service.method:
                name = f"{file.package}.{service.name}/{call.name}"
                facts["call"][name] = (call.input_type, call.output_type, call.client_streaming, call.server_streaming)
    return facts


def theirs():
    for module in (common_pb2, feder_pb2, milvus_pb2, msg_pb2, rg_pb2, schema_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        yield file


def ours():
    image = descriptor_pb2.FileDescriptorSet()
    with open(sys.argv[1], "rb") as file:
        image.ParseFromString(file.read())
    return image.file


OURS = facts_of(ours())
THEIRS = facts_of(theirs())


def known(kind):
    def run():
        assert len(THEIRS[kind]) > 40, f"{len(THEIRS[kind])} of them: the descriptors were not read"
        differences = [
            f"{name}: pymilvus {fact}, ours {OURS[kind].get(name)}"
            for name, fact in THEIRS[kind].items()
            if OURS[kind].get(name) != fact and not (kind == "field" and name in OURS[kind] and packed(name, fact, OURS[kind][name]))
        ]
        assert differences == [], "\n".join(differences)

    return run


for one in THEIRS:
    check(f"every {one} that it can name is known ({len(THEIRS[one])})", known(one))
sys.exit(check.end())
