/** The answer to a request, seen from below: whether it is out, and a way to make sure that it never gets out. */
export interface Answer {
  /** Resolves once the answer has left the process, or can no longer leave it. */
  readonly left: Promise<void>;
  /** Cuts the caller off, so that `left` resolves. For answers that do not leave in time. */
  abandon(): void;
}
