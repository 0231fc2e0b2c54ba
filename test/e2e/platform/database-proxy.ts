import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Installation } from '../../harness/app.js';

interface Trap {
  readonly text: string;
  /** Seen first on the same connection, where that matters: others have commits of their own. */
  readonly after: string | undefined;
  /** Whether the database still gets what contains `text`; its answer is lost in either case. */
  readonly forward: boolean;
  readonly sprung: () => void;
}

/** The network between a process and its database, which a test cuts and mends. */
export class DatabaseProxy {
  readonly #sockets = new Set<Socket>();
  #target: URL;
  #isCut = false;
  #trap: Trap | undefined;
  /** Where `after` was seen. */
  #trapped: Socket | undefined;

  private constructor(
    private readonly server: Server,
    target: string,
  ) {
    this.#target = new URL(target);
  }

  static async start(target: string): Promise<DatabaseProxy> {
    const server = createServer((client) => proxy.#accept(client));
    const proxy = new DatabaseProxy(server, target);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** An installation whose processes reach their database through this proxy. */
  installation(behind: Installation): Installation {
    const url = new URL(behind.database.appUrl);
    url.port = String((this.server.address() as AddressInfo).port);
    const database = { ...behind.database, appUrl: url.href };
    return { ...behind, database, remove: () => behind.remove() };
  }

  /** Where the database is now. */
  retarget(url: string): void {
    this.#target = new URL(url);
  }

  /** Ends every connection and takes no new one. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** Cuts when a process sends what contains `text`, and before it `after`; resolves when that has happened. */
  cutAt(text: string, options: { forward: boolean; after?: string }): Promise<void> {
    return new Promise((sprung) => {
      this.#trapped = undefined;
      this.#trap = { text, after: undefined, ...options, sprung };
    });
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined);
    if (this.#isCut) return void client.destroy();
    const database = connect({ host: this.#target.hostname, port: Number(this.#target.port) });
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    database.on('data', (bytes) => client.write(bytes));
    client.on('data', (bytes) => this.#forward(bytes, database));
  }

  #forward(bytes: Buffer, database: Socket): void {
    const trap = this.#trap;
    if (trap?.after !== undefined && bytes.includes(trap.after)) this.#trapped = database;
    const isHere = trap?.after === undefined || this.#trapped === database;
    if (!trap || !isHere || !bytes.includes(trap.text)) return void database.write(bytes);
    this.#trap = undefined;
    const spring = (): void => {
      this.cut();
      trap.sprung();
    };
    if (!trap.forward) return spring();
    // Its answer means that the database is done with it.
    database.removeAllListeners('data');
    database.once('data', spring);
    database.write(bytes);
  }
}
