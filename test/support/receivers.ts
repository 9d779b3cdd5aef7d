/** Servers on this machine that take what is sent to them: HTTP, and as much of SMTP (RFC 5321) as one mail needs. Both are real sockets; what they got can be read. */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer as createTcp } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface Got {
  headers: IncomingHttpHeaders;
  body: string;
  path: string;
}
export interface HttpReceiver extends AsyncDisposable {
  url: string;
  got: Got[];
  /** the next answers' status; 200 behind them */
  answers: number[];
}

export async function httpReceiver(): Promise<HttpReceiver> {
  const got: Got[] = [];
  const answers: number[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (d: string) => (body += d));
    request.on('end', () => {
      got.push({ headers: request.headers, body, path: request.url ?? '' });
      response.writeHead(answers.shift() ?? 200).end('noted');
    });
  });
  await new Promise<void>((r) => server.listen(0, '127.0.0.1', r));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    got,
    answers,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((r) => server.close(r));
    },
  };
}

export interface SmtpReceiver extends AsyncDisposable {
  url: string;
  mails: { from: string; to: string[]; text: string }[];
  /** to RCPT TO; 250 when empty */
  refuses: string;
}

export async function smtpReceiver(): Promise<SmtpReceiver> {
  const sockets = new Set<Socket>();
  const mails: SmtpReceiver['mails'] = [];
  const server = createTcp((socket) => {
    sockets.add(socket.setEncoding('utf8'));
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    let rest = '';
    let data: string[] | null = null;
    let mail = { from: '', to: [] as string[], text: '' };
    const say = (line: string) => void socket.write(`${line}\r\n`);
    const line = (text: string): void => {
      if (data) {
        if (text !== '.') return void data.push(text.replace(/^\./, ''));
        mails.push({ ...mail, text: data.join('\n') });
        data = null;
        return say('250 taken');
      }
      if (/^MAIL FROM:/i.test(text)) mail = { from: /<(.*?)>/.exec(text)![1]!, to: [], text: '' };
      if (/^RCPT TO:/i.test(text)) {
        if (receiver.refuses) return say(receiver.refuses);
        mail.to.push(/<(.*?)>/.exec(text)![1]!);
      }
      if (/^DATA/i.test(text)) data = [];
      say(/^DATA/i.test(text) ? '354 go on' : /^QUIT/i.test(text) ? '221 bye' : '250 ok');
    };
    socket.on('data', (d: string) => {
      const lines = (rest + d).split('\r\n');
      rest = lines.pop()!;
      lines.forEach(line);
    });
    say('220 here');
  });
  const receiver: SmtpReceiver = {
    url: '',
    mails,
    refuses: '',
    async [Symbol.asyncDispose]() {
      for (const s of sockets) s.destroy();
      await new Promise((r) => server.close(r));
    },
  };
  await new Promise<void>((r) => server.listen(0, '127.0.0.1', r));
  receiver.url = `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return receiver;
}
