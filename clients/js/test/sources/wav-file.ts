export interface Header {
  kind: number;
  bits: number;
  channels?: number;
  rate?: number;
  size?: number;
  extra?: Buffer;
}

/** Returns the bytes of a WAV file; `size` is what its header claims. */
export function wav(data: Buffer, header: Header): ArrayBuffer {
  const { kind, bits, channels = 1, rate = 8_000, extra = Buffer.alloc(0), size } = header;
  const format = Buffer.alloc(kind === 0xfffe ? 40 : 16);
  format.writeUInt16LE(kind, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt16LE(bits, 14);
  if (kind === 0xfffe) format.writeUInt16LE(1, 24);
  const chunk = (name: string, body: Buffer, size = body.length): Buffer => {
    const head = Buffer.from(`${name}    `);
    head.writeUInt32LE(size, 4);
    return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
  };
  const parts = [chunk("fmt ", format), extra, chunk("data", data, size)];
  const body = Buffer.concat([Buffer.from("WAVE"), ...parts]);
  return new Uint8Array(chunk("RIFF", body)).buffer;
}
