/** Floats as their bits, in hex: the only form in which -0, denormals and values that print alike are told apart. */
export function doubleBits(n: number): string {
  const b = Buffer.alloc(8);
  b.writeDoubleBE(n);
  return b.toString('hex');
}
export function floatBits(n: number): string {
  const b = Buffer.alloc(4);
  b.writeFloatBE(n);
  return b.toString('hex');
}
