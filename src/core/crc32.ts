const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 (ISO 3309, as in zip and gzip) of bytes that come in pieces. */
export class Crc32 {
  #crc = 0xffffffff;

  update(bytes: Uint8Array): void {
    let crc = this.#crc;
    for (let k = 0; k < bytes.length; k++) crc = (crc >>> 8) ^ table[(crc ^ bytes[k]!) & 0xff]!;
    this.#crc = crc;
  }

  /** Of all bytes so far, unsigned. */
  get value(): number {
    return (this.#crc ^ 0xffffffff) >>> 0;
  }
}
