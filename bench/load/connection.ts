import { connect, type Socket } from 'node:net';

export type OnAnswer = (status: number, body: string, latencyNs: number) => void;

/**
 * A kept-alive HTTP/1.1 connection with one request under way at a time, as cheap as it can be: the load shares
 * the machine with what it loads. It understands answers with a Content-Length and nothing else.
 */
export class Connection {
  #received = '';
  #sentAt = 0n;

  private constructor(
    private readonly socket: Socket,
    private readonly onAnswer: OnAnswer,
    private readonly onError: (error: Error) => void,
  ) {
    socket.setNoDelay(true).setEncoding('latin1');
    socket.on('data', (chunk: unknown) => this.#take(String(chunk)));
    socket.on('error', onError);
    socket.on('end', () => onError(new Error('the server closed a connection')));
  }

  static open(port: number, onAnswer: OnAnswer, onError: (error: Error) => void): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject).once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket, onAnswer, onError));
      });
    });
  }

  send(request: string): void {
    this.#sentAt = process.hrtime.bigint();
    this.socket.write(request, 'latin1');
  }

  close(): void {
    this.socket.removeAllListeners('end').destroy();
  }

  #take(chunk: string): void {
    const received = this.#received + chunk;
    const end = received.indexOf('\r\n\r\n');
    const length = end < 0 ? Number.NaN : bodyLength(received.slice(0, end));
    if (end >= 0 && Number.isNaN(length)) {
      return this.onError(new Error(`no Content-Length in ${received.slice(0, end)}`));
    }
    if (end < 0 || received.length < end + 4 + length) {
      this.#received = received;
      return;
    }
    this.#received = '';
    const latencyNs = Number(process.hrtime.bigint() - this.#sentAt);
    this.onAnswer(Number(received.slice(9, 12)), received.slice(end + 4), latencyNs);
  }
}

function bodyLength(head: string): number {
  const found = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  return found === undefined ? Number.NaN : Number(found);
}
