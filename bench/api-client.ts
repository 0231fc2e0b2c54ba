import type { ServerProcess } from './servers/server-process.js';

/** Calls what is not measured: makes keys and signatures, asks for numbers. */
export class ApiClient {
  constructor(
    private readonly server: ServerProcess,
    readonly tenant: string,
    readonly token: string,
  ) {}

  /** The body of an answer that has to be a success. Throws otherwise. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(this.server.url + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }
}
