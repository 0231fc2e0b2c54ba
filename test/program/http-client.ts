import { Agent, request, type IncomingHttpHeaders } from 'node:http';

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Loose = any;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed where it is JSON. */
  readonly body: Loose;
  /** When its first bytes arrived, on the clock of `performance.now()`. */
  readonly arrivedMs: number;
}

/** No request takes that long, unless it hangs. */
const WITHIN_MS = 90_000;

/** A client of a running server: kept-alive connections, a token, a deadline. */
export class HttpClient {
  readonly #agent = new Agent({ keepAlive: true });

  constructor(
    readonly url: string,
    private readonly token?: string,
  ) {}

  /** Rejects where the connection breaks before the whole answer is there. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request(this.url + path, {
        method,
        agent: this.#agent,
        headers: {
          ...(this.token && { authorization: `Bearer ${this.token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
      });
      const deadline = setTimeout(() => sent.destroy(new Error(`no answer: ${method} ${path}`)), WITHIN_MS);
      sent.on('close', () => clearTimeout(deadline)).on('error', reject);
      sent.on('response', (response) => {
        const arrivedMs = performance.now();
        const { statusCode: status = 0, headers } = response;
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('error', reject).on('end', () => {
          const json = headers['content-type']?.includes('json') ?? false;
          resolve({ status, headers, body: json ? JSON.parse(text) : text, arrivedMs });
        });
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** A call that has to be answered so; gives the body. */
  async must(status: number, ...args: Parameters<HttpClient['call']>): Promise<Loose> {
    const answer = await this.call(...args);
    if (answer.status === status) return answer.body;
    throw new Error(`${args[0]} ${args[1]}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  /** Closes its connections. */
  close(): void {
    this.#agent.destroy();
  }
}
