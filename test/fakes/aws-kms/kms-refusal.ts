/** What the service answers instead of a result. */
export class KmsRefusal extends Error {
  override readonly name = 'KmsRefusal';

  constructor(
    /** `__type` of the answer, e.g. `NotFoundException`. */
    readonly type: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

export const invalid = (message: string): KmsRefusal => new KmsRefusal('ValidationException', message);
