#!/usr/bin/env python3
"""Tidings' transactions, blocks and frames in another language: what FORMAT.md says, with the standard library alone.

    format.py make '{"seed": HEX, "genesis": HEX, "nonce": "7", "fee": "0", "payload": HEX}'   prints a signed transaction
    format.py read HEX                                                                       prints what a transaction says
    format.py check format.json                                                             compares itself with the examples

It is an example and a check, and slow: a signature takes some ten milliseconds. Who signs with keys that are worth something
uses a library, since the time that this one takes depends on the key.
"""

import hashlib
import json
import sys

# Numbers, hashes, ids


def le(number, length):
    return number.to_bytes(length, "little")


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def take_varint(data):
    """A number and what follows it; only the shortest form of at most 32 bits is one."""
    number = 0
    for index, byte in enumerate(data[:5]):
        if index > 0 and byte == 0 or index == 4 and byte > 0x0F:
            raise Refused("malformed-varint")
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, data[index + 1 :]
    raise Refused("truncated")


class Refused(Exception):
    """The rule that bytes break."""


def sha256(data):
    return hashlib.sha256(data).digest()


def double_hash(data):
    return sha256(sha256(data))


def short_id(item_id, is_block):
    total, mask = 0, (1 << 64) - 1
    for at in range(0, 32, 8):
        word = int.from_bytes(item_id[at : at + 8], "little")
        rotated = (total << 5 | total >> 59) & mask
        total = (rotated ^ word) * 0x517CC1B727220A95 & mask
    return le(total ^ mask if is_block else total, 8)


# Ed25519 (RFC 8032), verified as ZIP 215 has it

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    """Adds points in extended coordinates: X, Y, Z and T, where x = X/Z, y = Y/Z and xy = T/Z."""
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def point(data):
    """Any encoding of a point of the curve, also one that isn't canonical; or none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, (y & (1 << 255) - 1) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    if x * x % P != square:
        return None
    x = P - x if x & 1 != sign else x
    return (x % P, y, 1, x * y % P)


def encode_point(a):
    inverse = pow(a[2], -1, P)
    x, y = a[0] * inverse % P, a[1] * inverse % P
    return le(y | (x & 1) << 255, 32)


BASE = point(le(4 * pow(5, -1, P) % P, 32))


def hash_to_scalar(*pieces):
    return int.from_bytes(hashlib.sha512(b"".join(pieces)).digest(), "little") % ORDER


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    return scalar, digest[32:]


def public_key(seed):
    return encode_point(times(expand(seed)[0], BASE))


def sign(seed, message):
    scalar, prefix = expand(seed)
    nonce = hash_to_scalar(prefix, message)
    r = encode_point(times(nonce, BASE))
    return r + le((nonce + hash_to_scalar(r, public_key(seed), message) * scalar) % ORDER, 32)


def is_signed(public, message, signature):
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    k = hash_to_scalar(signature[:32], public, message)
    left, right = times(8 * s, BASE), times(8, add(r, times(k, a)))
    return encode_point(left) == encode_point(right)


# Transactions

HEAD, SIGNATURE = 1 + 32 + 32 + 8 + 8, 64


def make_transaction(seed, genesis, nonce, fee, payload):
    head = b"\x01" + genesis + public_key(seed) + le(nonce, 8) + le(fee, 8)
    return head + payload + sign(seed, head + payload)


def read_transaction(data, genesis):
    if not data:
        raise Refused("truncated")
    if data[0] != 1:
        raise Refused("unknown-version")
    if len(data) < HEAD + SIGNATURE:
        raise Refused("truncated")
    if data[1:33] != genesis:
        raise Refused("wrong-network")
    sender, signed, signature = data[33:65], data[:-SIGNATURE], data[-SIGNATURE:]
    if not is_signed(sender, signed, signature):
        raise Refused("bad-signature")
    number = lambda at: int.from_bytes(data[at : at + 8], "little")
    return {"sender": sender, "nonce": number(65), "fee": number(73), "payload": signed[HEAD:]}


def conflict_key(sender, nonce):
    return sha256(b"tidings/conflict" + sender + le(nonce, 8))


# Blocks

HEADER = 1 + 32 + 32 + 8 + 1 + 8


def merkle_root(ids):
    if not ids:
        return double_hash(b"")
    level = [double_hash(b"\x00" + item) for item in ids]
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [double_hash(b"\x01" + pair[0] + pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0]


def read_block(data, bits):
    """The header's fields, and the transactions as bytes. Their signatures are another matter."""
    if len(data) < HEADER:
        raise Refused("truncated")
    header, body = data[:HEADER], data[HEADER:]
    if header[0] != 1:
        raise Refused("unknown-version")
    if header[73] != bits:
        raise Refused("wrong-difficulty")
    if int.from_bytes(double_hash(header), "big") >> (256 - bits):
        raise Refused("no-proof-of-work")
    transactions = []
    try:
        count, body = take_varint(body)
        for _ in range(count):
            length, body = take_varint(body)
            if length > len(body):
                raise Refused("bad-body")
            transactions, body = transactions + [body[:length]], body[length:]
    except Refused:
        raise Refused("bad-body")
    if body:
        raise Refused("bad-body")
    ids = [double_hash(transaction) for transaction in transactions]
    if merkle_root(ids) != header[33:65]:
        raise Refused("wrong-root")
    if len(set(ids)) < len(ids):
        raise Refused("duplicate-transaction")
    number = lambda at: int.from_bytes(header[at : at + 8], "little")
    return {"parent": header[1:33], "root": header[33:65], "time": number(65), "nonce": number(74)}, transactions


# The wire

PART = 16 * 1024
CLASSES = ["control", "block", "tx", "replica"]
# Of the kinds for which it matters: class, and the least and the most that a body may have.
KINDS = {2: ("control", 8, 8), 3: ("control", 8, 8), 4: ("control", 0, 0), 9: ("tx", 0, 100_000), 10: ("block", 0, 4_000_000)}


def encode_message(byte, message_class, body):
    """The frame of a message, or all frames of one that is too long for one."""
    if len(body) <= PART:
        return varint(1 + len(body)) + bytes([byte]) + body
    out, tag = b"", CLASSES.index(message_class)
    for at in range(0, len(body), PART):
        fields = bytes([0, tag | 4, byte]) + varint(len(body)) if at == 0 else bytes([0, tag])
        data = body[at : at + PART]
        out += varint(len(fields) + len(data)) + fields + data
    return out


def read_messages(stream):
    """Messages of a stream as kind bytes and bodies. Parts of several classes may come in turns."""
    begun, messages = {}, []
    while stream:
        length, rest = take_varint(stream)
        if length == 0 or length > PART + 8:
            raise Refused("bad-length")
        frame, stream = rest[:length], rest[length:]
        if frame[0] != 0:
            check_body(frame[0], len(frame) - 1, len(frame) - 1 <= PART)
            messages.append((frame[0], frame[1:]))
            continue
        tag = frame[1] & 3
        if frame[1] & 4:
            total, data = take_varint(frame[3:])
            if total <= PART or tag in begun or KINDS.get(frame[2], (CLASSES[tag],))[0] != CLASSES[tag]:
                raise Refused("bad-part")
            check_body(frame[2], total, True)
            begun[tag] = (frame[2], total, b"")
        elif tag not in begun:
            raise Refused("bad-part")
        else:
            data = frame[2:]
        byte, total, body = begun.pop(tag)
        body += data
        if len(body) < total:
            begun[tag] = (byte, total, body)
        else:
            messages.append((byte, body))
    return messages


def check_body(byte, length, fits):
    _, least, most = KINDS.get(byte, ("", 0, 4_000_000))
    if not (fits and least <= length <= most):
        raise Refused("bad-length")


# The examples


def unhex(value, *names):
    return [bytes.fromhex(value[name]) for name in names]


def same(value, name, mine):
    mine = mine.hex() if isinstance(mine, bytes) else str(mine)
    if str(value[name]) != mine:
        raise SystemExit(f"{name} should be {value[name]}, and is {mine} here, in {value}")


def refuses(value, name, read):
    try:
        read()
    except Refused as why:
        if name is not None:
            same(value, name, str(why))
        return
    raise SystemExit(f"this should be refused: {value}")


def check(examples):
    for each in examples["hashes"]:
        same(each, "hash", double_hash(*unhex(each, "bytes")))
    for each in examples["keys"]:
        same(each, "public", public_key(*unhex(each, "seed")))
    for each in examples["transactions"]:
        seed, genesis, payload, data = unhex(each, "seed", "genesis", "payload", "bytes")
        same(each, "bytes", make_transaction(seed, genesis, int(each["nonce"]), int(each["fee"]), payload))
        read = read_transaction(data, genesis)
        for name in ["nonce", "fee", "payload"]:
            same(each, name, read[name])
        same(each, "id", double_hash(data))
        same(each, "short_id", short_id(double_hash(data), False))
        same(each, "conflict_key", conflict_key(read["sender"], read["nonce"]))
    for each in examples["refused_transactions"]:
        refuses(each, "rule", lambda: read_transaction(*unhex(each, "bytes", "genesis")))
    for each in examples["blocks"]:
        (data,) = unhex(each, "bytes")
        header, transactions = read_block(data, each["bits"])
        for name in ["parent", "root", "time", "nonce"]:
            same(each, name, header[name])
        assert [transaction.hex() for transaction in transactions] == each["transactions"]
        same(each, "id", double_hash(data[:HEADER]))
        same(each, "short_id", short_id(double_hash(data[:HEADER]), True))
    for each in examples["refused_blocks"]:
        refuses(each, "rule", lambda: read_block(bytes.fromhex(each["bytes"]), each["bits"]))
    for each in examples["messages"]:
        body, frame = unhex(each, "body", "frame")
        same(each, "frame", encode_message(each["byte"], each["class"], body))
        assert read_messages(frame) == [(each["byte"], body)], each
    kinds = {each["kind"]: (each["byte"], each["class"]) for each in examples["messages"]}
    for each in examples["messages_in_parts"]:
        (byte, message_class), body = kinds[each["kind"]], bytes.fromhex(each["body_byte"]) * each["body_len"]
        stream = encode_message(byte, message_class, body)
        same(each, "hash_of_all", double_hash(stream))
        assert read_messages(stream) == [(byte, body)]
    for each in examples["refused_frames"]:
        refuses(each, None, lambda: read_messages(bytes.fromhex(each["frame"])))
    print(sum(len(of) for of in examples.values() if isinstance(of, list)), "examples agree")


def main(arguments):
    verb, text = arguments if len(arguments) == 2 else ("", "")
    if verb == "make":
        draft = json.loads(text)
        seed, genesis, payload = unhex(draft, "seed", "genesis", "payload")
        print(make_transaction(seed, genesis, int(draft["nonce"]), int(draft["fee"]), payload).hex())
    elif verb == "read":
        data = bytes.fromhex(text)
        read = read_transaction(data, data[1:33])
        shown = {name: value.hex() if isinstance(value, bytes) else str(value) for name, value in read.items()}
        print(json.dumps({"id": double_hash(data).hex(), "genesis": data[1:33].hex(), **shown}))
    elif verb == "check":
        with open(text, encoding="utf-8") as file:
            check(json.load(file))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
