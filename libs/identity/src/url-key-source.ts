import { ConfigError } from '#config';
import { readBounded, type KeySource } from './key-source.js';

/** A key set behind a URL. Redirects are refused: the operator named this place and no other. */
export class UrlKeySource implements KeySource {
  readonly #url: URL;

  /** `timeoutMs` bounds the whole answer, the last byte included. */
  constructor(
    url: string,
    private readonly timeoutMs: number,
  ) {
    this.#url = new URL(url);
    // `fetch` would refuse it too, with the password in its message.
    if (this.#url.username || this.#url.password) {
      throw new ConfigError(['CLAVIGER_ISSUERS: a jwks_url carries credentials']);
    }
  }

  async load(): Promise<string> {
    const response = await fetch(this.#url, {
      redirect: 'error',
      signal: AbortSignal.timeout(this.timeoutMs),
      headers: { accept: 'application/jwk-set+json, application/json' },
    });
    if (response.status === 200 && response.body) return readBounded(response.body);
    await response.body?.cancel();
    throw new Error(`the key set was answered with status ${response.status}`);
  }
}
