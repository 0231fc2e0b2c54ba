import { Agent, request } from 'node:http';
import type { TestApp } from './app.js';

export interface OrderedAnswer {
  /** Place among all answers of this client: that of an answer that arrived later is higher. */
  readonly order: number;
  readonly status: number;
}

/** A client that tells in which order its answers arrive, whatever processes they come from. */
export class OrderingClient {
  readonly #agent = new Agent({ keepAlive: true });
  #answers = 0;

  post(app: TestApp, path: string, token: string, body?: unknown): Promise<OrderedAnswer> {
    return this.#send(app, 'POST', path, token, body);
  }

  delete(app: TestApp, path: string, token: string): Promise<OrderedAnswer> {
    return this.#send(app, 'DELETE', path, token);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(app: TestApp, method: string, path: string, token: string, body?: unknown): Promise<OrderedAnswer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(app.url + path, {
        method,
        agent: this.#agent,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
      });
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        // As the parser meets the status line: nothing that waits for a turn of the loop can change the order.
        const order = (this.#answers += 1);
        response.on('error', reject);
        response.on('end', () => resolve({ order, status: response.statusCode ?? 0 }));
        response.resume();
      });
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
