# SPDX-License-Identifier: MIT OR Apache-2.0
"""Copies of Linux's modules for measuring how they are loaded."""

import re
import struct

SIGNATURE_MAGIC = b"~Module signature appended~\n"
SYMTAB, RELA, REL = 2, 4, 9
FUNCTION = 2
ALLOCATED = 2
# call __fentry__; xor %eax, %eax; jmp __x86_return_thunk, on x86_64; on i386 with a frame and ret.
RETURN_0 = re.compile(rb"\xe8....(\x31\xc0\xe9....|\x55\x31\xc0\x89\xe5\x5d\xc3)", re.DOTALL)

AFTER_CALL_OF_TRACER = 5
# xor %eax, %eax; ret
RETURN = b"\x31\xc0\xc3"


def without_signature(data):
    """The ELF file without the signature that follows it."""
    if not data.endswith(SIGNATURE_MAGIC):
        return data
    end = len(data) - len(SIGNATURE_MAGIC)
    (length,) = struct.unpack_from(">I", data, end - 4)
    return data[: end - 12 - length]


def info(data, key):
    """The value of a key in the module's description; empty if it has none."""
    found = re.search(rb"\0" + key.encode() + rb"=([^\0]*)\0", b"\0" + data)
    return found[1].decode() if found else ""


class ModuleFile:
    """What is read of an ELF file."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.is_64 = data[4] == 2
        self.order = ">" if data[5] == 2 else "<"
        if self.is_64:
            start, number = self.read("Q", 40), self.read("H", 60)
            section = self.order + "IIQQQQIIQQ"
        else:
            start, number = self.read("I", 32), self.read("H", 48)
            section = self.order + "10I"
        end = start + number * struct.calcsize(section)
        self.sections = list(struct.iter_unpack(section, self.data[start:end]))

    def read(self, form, offset):
        """A number in the file."""
        return struct.unpack_from(self.order + form, self.data, offset)[0]

    def entries(self, kind, form):
        """Of each entry in the tables of that kind: the table's section, the file offset, and it."""
        for header in self.sections:
            if header[1] == kind:
                start, end = header[4], header[4] + header[5]
                for index, entry in enumerate(struct.iter_unpack(form, self.data[start:end])):
                    yield header, start + index * struct.calcsize(form), entry

    def relocations(self):
        """How many relocations there are of what is loaded."""
        sizes = {RELA: 24, REL: 16} if self.is_64 else {RELA: 12, REL: 8}
        return sum(header[5] // sizes[header[1]] for header in self.sections
                   if header[1] in sizes and self.sections[header[7]][2] & ALLOCATED)

    def symbols(self):
        """The file offset, name, type, section, value and size of each symbol."""
        form = self.order + ("IBBHQQ" if self.is_64 else "IIIBBH")
        for header, at, entry in self.entries(SYMTAB, form):
            if self.is_64:
                name, kind, _, section, value, size = entry
            else:
                name, value, size, kind, _, section = entry
            start = self.sections[header[6]][4] + name
            yield at, self.data[start:self.data.index(0, start)], kind & 15, section, value, size

    def start_and_stop_at_once(self):
        """Makes the names of start and stop those of a function of the module that returns 0."""
        symbols = list(self.symbols())
        entries = [at for at, name, _, section, _, _ in symbols
                   if section and name in (b"init_module", b"cleanup_module")]
        if not entries:
            return
        found = next(((section, value) for _, _, kind, section, value, size in symbols
                      if kind == FUNCTION and RETURN_0.fullmatch(self.bytes(section, value, size))),
                     None)
        if not found:
            raise ValueError("no function of the module just returns 0")
        self.start_at(entries, *found)

    def write_return(self):
        """Writes one of the module's functions over by instructions that return 0, where no relocation is:
        init if that has room, else the largest. The section and the offset."""
        functions = [(name == b"init_module", size, section, value)
                     for _, name, kind, section, value, size in self.symbols() if kind == FUNCTION and section]
        for _, size, section, value in sorted(functions, reverse=True):
            taken = set()
            for kind, form in ((RELA, "QQq" if self.is_64 else "IIi"), (REL, "QQ" if self.is_64 else "II")):
                for table, _, (offset, *_) in self.entries(kind, self.order + form):
                    # Of four bytes, as they are in code, and what is before them in an instruction.
                    taken |= set(range(offset - 1, offset + 4)) if table[7] == section else set()
            for place in range(value + AFTER_CALL_OF_TRACER, value + size - len(RETURN) + 1):
                if taken.isdisjoint(range(place, place + len(RETURN))):
                    start = self.sections[section][4] + place
                    self.data[start:start + len(RETURN)] = RETURN
                    return section, place
        raise ValueError("no function of the module has room")

    def start_at(self, entries, section, value):
        """Gives the symbols at these file offsets another place."""
        for at in entries:
            if self.is_64:
                struct.pack_into(self.order + "HQ", self.data, at + 6, section, value)
            else:
                struct.pack_into(self.order + "I", self.data, at + 4, value)
                struct.pack_into(self.order + "H", self.data, at + 14, section)

    def section_name(self, header):
        """The name of a section."""
        names = self.sections[self.read("H", 62 if self.is_64 else 50)][4] + header[0]
        return bytes(self.data[names:self.data.index(0, names)])

    def shorten(self, name):
        """Takes the last entry from the table of relocations of that name."""
        at = self.read("Q", 40) if self.is_64 else self.read("I", 32)
        for index, header in enumerate(self.sections):
            if self.section_name(header) == name and header[1] in (REL, RELA):
                entry = ({RELA: 24, REL: 16} if self.is_64 else {RELA: 12, REL: 8})[header[1]]
                size = (64, 32, "Q") if self.is_64 else (40, 20, "I")
                struct.pack_into(self.order + size[2], self.data, at + index * size[0] + size[1],
                                 header[5] - entry)
                return
        raise ValueError(f"no relocations {name}")

    def bytes(self, section, value, size):
        """What a symbol stands for."""
        start = self.sections[section][4] + value
        return self.data[start:start + size]


def without_exit(data):
    """A copy with an init and no exit function: struct module holds the second last."""
    file = ModuleFile(data.replace(b"\0cleanup_module\0", b"\0dleanup_module\0"))
    table = b".gnu.linkonce.this_module"
    file.shorten((b".rela" if b".rela" + table in data else b".rel") + table)
    return bytes(file.data)


def unknown_to_tracer(data):
    """A copy of which Linux knows neither the places for its function tracer nor the types for BPF:
    the sections are there, and relocated, under other names."""
    return data.replace(b"__mcount_loc\0", b"__xcount_loc\0").replace(b"\0.BTF\0", b"\0.XTF\0")


def prepared(data):
    """A copy without signature whose start and stop do nothing, and how many relocations it has."""
    file = ModuleFile(without_signature(data))
    file.start_and_stop_at_once()
    return bytes(file.data), file.relocations()


def stopped(data):
    """A copy without signature whose init function only returns."""
    try:
        return prepared(data)[0]
    except ValueError:
        file = ModuleFile(without_signature(data))
        entries = [at for at, name, *_ in file.symbols() if name == b"init_module"]
        file.start_at(entries, *file.write_return())
        return bytes(file.data)
