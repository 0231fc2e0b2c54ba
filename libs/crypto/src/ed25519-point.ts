/** Field prime and curve constant of edwards25519 (RFC 8032 §5.1), and the order of its large subgroup. */
const P = 2n ** 255n - 19n;
const D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const ORDER_8_Y = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;

/** y-coordinates of the eight points of small order: orders 4, 1, 2, and twice 8. */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([0n, 1n, P - 1n, ORDER_8_Y, P - ORDER_8_Y]);

const littleEndian = (bytes: Buffer): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);

/** The y-coordinate as written, without the sign of x: up to 2²⁵⁵ − 1, so not always reduced. */
const writtenY = (point: Buffer): bigint => BigInt.asUintN(255, littleEndian(point));

/** Whether y < p, the only encoding RFC 8032 §5.1.3 takes. */
export const isCanonicalPoint = (point: Buffer): boolean => writtenY(point) < P;

/** Whether the point is one of the eight of small order, in any of its encodings. */
export const isSmallOrderPoint = (point: Buffer): boolean => SMALL_ORDER_Y.has(writtenY(point) % P);

/** Whether the scalar is below the subgroup's order (RFC 8032 §5.1.7); others make signatures malleable. */
export const isCanonicalScalar = (scalar: Buffer): boolean => littleEndian(scalar) < L;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base, left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

/** Whether some x has −x² + y² = 1 + d·x²·y², by Euler's criterion. For public keys only: its time tells the point. */
export function isOnCurve(point: Buffer): boolean {
  const ySquare = writtenY(point) ** 2n % P;
  const quotient = ((ySquare - 1n + P) * power(D * ySquare + 1n, P - 2n)) % P;
  return power(quotient, (P - 1n) / 2n) <= 1n;
}
