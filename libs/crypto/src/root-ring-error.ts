/** The root key ring cannot be used. Names the file and the reason, never its content; for start-up and the operator. */
export class RootRingError extends Error {
  override readonly name = 'RootRingError';

  constructor(
    readonly file: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`root key ring ${file}: ${reason}`, options);
  }
}
