import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** An address that stays while the server behind it moves, as a load balancer's does. */
export class DatabaseAddress {
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly portBehind: () => number,
  ) {
    server.on('connection', (client) => this.#join(client));
  }

  static async open(portBehind: () => number): Promise<DatabaseAddress> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new DatabaseAddress(server, portBehind);
  }

  /** The same URL, at this address. */
  of(url: string): string {
    const here = new URL(url);
    here.port = String((this.server.address() as AddressInfo).port);
    return here.href;
  }

  close(): void {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket): void {
    const behind = connect(this.portBehind(), '127.0.0.1');
    for (const [from, to] of [
      [client, behind],
      [behind, client],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      // How a connection breaks is for the other end to notice, as it would without anything in between.
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
