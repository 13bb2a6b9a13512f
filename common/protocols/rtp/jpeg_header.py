"""The headers that RTP leaves out of JPEG pictures: standard tables and segments (RFC 2435, appendices A and B)."""

from functools import lru_cache

# Quantisation tables of quality 50 in zigzag order, one byte an entry: luma, chroma (ITU-T T.81, tables K.1 and K.2).
_LUMA = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738506d5157"
    "5f626768673e4d71797064785c656763"
)
_CHROMA = bytes.fromhex(
    "1112121815182f1a1a2f6342384263636363636363636363636363636363636363636363636363636363636363636363"
    "63636363636363636363636363636363"
)
# Huffman tables as in a DHT segment: class and number, 16 counts, values (ITU-T T.81, tables K.3 to K.6).
_HUFFMAN = bytes.fromhex(
    "0000010501010101010100000000000000000102030405060708090a0b"
    "100002010303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1"
    "f02433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768"
    "696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4"
    "c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
    "0100030101010101010101010000000000000102030405060708090a0b"
    "1100020102040403040705040400010277000102031104052131061241510761711322328108144291a1b1c109233352"
    "f0156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a6364656667"
    "68696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2"
    "c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
)


@lru_cache(maxsize=32)
def quantisation_tables(quality: int) -> bytes:
    """Return the luma and chroma tables of a quality from 1 to 99 (RFC 2435, section 4.2)."""
    quality = min(max(quality, 1), 99)
    factor = 5000 // quality if quality < 50 else 200 - 2 * quality
    return bytes(min(max((entry * factor + 50) // 100, 1), 255) for entry in _LUMA + _CHROMA)


@lru_cache(maxsize=64)
def rebuild_header(kind: int, width_px: int, height_px: int, tables: bytes, restart_interval: int) -> bytes:
    """Return everything of a JFIF picture before its scan data.

    `kind` 0 is YUV 4:2:2, 1 is 4:2:0. `tables` holds one or two quantisation tables of 64 bytes.
    """
    parts = [b"\xff\xd8", _segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")]
    for number in range(len(tables) // 64):
        parts.append(_segment(0xDB, bytes((number,)) + tables[number * 64 : number * 64 + 64]))
    if restart_interval:
        parts.append(_segment(0xDD, restart_interval.to_bytes(2, "big")))
    chroma = 1 if len(tables) > 64 else 0
    luma_sampling = 0x22 if kind == 1 else 0x21
    frame = b"\x08" + height_px.to_bytes(2, "big") + width_px.to_bytes(2, "big") + b"\x03"
    frame += bytes((1, luma_sampling, 0, 2, 0x11, chroma, 3, 0x11, chroma))
    parts.append(_segment(0xC0, frame))
    parts.append(_segment(0xC4, _HUFFMAN))
    parts.append(_segment(0xDA, b"\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00"))
    return b"".join(parts)


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body
