/**
 * MariaDB's GTIDs: `domain-server-seq`. To a replica they are positions: within a domain a number says how far, not which ones. After a failover without
 * gtid_strict_mode two servers can have used the same number; only a state, which remembers every server, tells these apart. As names of transactions they are
 * what MySQL's are, and make sets (core/gtid.ts).
 */
import { DrillError } from '../errors.ts';
import { GtidSet } from '../gtid.ts';
import type { GtidInterval } from '../gtid.ts';

export interface MariaGtid {
  domain: number;
  server: number;
  /** a safe integer */
  seq: number;
}

const GTID = /^(\d+)-(\d+)-(\d+)$/;
const UINT32_MAX = 0xffff_ffff;
const SEQ_MAX = 2n ** 64n - 1n;

export const mariaGtidText = (gtid: MariaGtid): string => `${gtid.domain}-${gtid.server}-${gtid.seq}`;

function invalid(text: string, why: string): DrillError {
  const shown = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return new DrillError('DRILL_GTID_INVALID', `"${shown}" is not a MariaDB position: ${why}`, 'the form is 0-1-5,1-2-7, as @@gtid_binlog_pos prints it');
}

/** `0-1-5,1-2-7`; blanks around the commas are ignored, "" is no GTID. Throws DRILL_GTID_INVALID and DRILL_GTID_TOO_LARGE (a sequence number above 2^53 - 1). */
export function parseMariaGtids(text: string): MariaGtid[] {
  if (text.trim() === '') return [];
  return text.split(',').map((part) => {
    const match = GTID.exec(part.trim());
    if (!match) throw invalid(text, `"${part.trim()}" is not domain-server-seq`);
    const [domain, server, seq] = [Number(match[1]), Number(match[2]), Number(match[3])];
    if (domain > UINT32_MAX || server > UINT32_MAX) throw invalid(text, `domains and servers end at 2^32 - 1 (${part.trim()})`);
    if (BigInt(match[3]!) > SEQ_MAX) throw invalid(text, `sequence numbers end at 2^64 - 1 (${part.trim()})`);
    if (!Number.isSafeInteger(seq))
      throw new DrillError('DRILL_GTID_TOO_LARGE', `the sequence number of ${part.trim()} is above 2^53 - 1: such numbers are not handled`);
    return { domain, server, seq };
  });
}

/** All that a state may stand for, of each server every number up to its last: more than there were, since the others of a domain used some of them. */
export function upTo(state: Iterable<MariaGtid>): GtidSet {
  const found = new Map<string, GtidInterval[]>();
  for (const { domain, server, seq } of state) if (seq > 0) found.set(`${domain}-${server}`, [[1, seq + 1]]);
  return GtidSet.fromIntervals(found);
}

/** How far a log or a replica is: the last GTID of each domain, as @@gtid_binlog_pos and @@gtid_slave_pos. Immutable. */
export class MariaPosition {
  static readonly empty = new MariaPosition(new Map());
  private readonly last: ReadonlyMap<number, MariaGtid>;

  private constructor(last: ReadonlyMap<number, MariaGtid>) {
    this.last = last;
  }

  /** Throws DRILL_GTID_INVALID, also when a domain is there twice, as the server does. */
  static parse(text: string): MariaPosition {
    const last = new Map<number, MariaGtid>();
    for (const gtid of parseMariaGtids(text)) {
      if (last.has(gtid.domain)) throw invalid(text, `the domain ${gtid.domain} is there twice`);
      last.set(gtid.domain, gtid);
    }
    return new MariaPosition(last);
  }

  /** The last of each domain wins. */
  static of(gtids: Iterable<MariaGtid>): MariaPosition {
    return new MariaPosition(new Map(Array.from(gtids, (gtid) => [gtid.domain, { ...gtid }])));
  }

  get(domain: number): MariaGtid | null {
    return this.last.get(domain) ?? null;
  }

  domains(): number[] {
    return [...this.last.keys()].sort((a, b) => a - b);
  }

  /** The position is at this GTID's number or beyond, whichever server gave it: true is proof only where numbers were never given twice (gtid_strict_mode). */
  contains(gtid: MariaGtid): boolean {
    return (this.last.get(gtid.domain)?.seq ?? -1) >= gtid.seq;
  }

  advance(gtid: MariaGtid): MariaPosition {
    return new MariaPosition(new Map(this.last).set(gtid.domain, { ...gtid }));
  }

  equals(other: MariaPosition): boolean {
    return this.toString() === other.toString();
  }

  /** By domain. */
  toString(): string {
    return this.domains()
      .map((domain) => mariaGtidText(this.last.get(domain)!))
      .join(',');
  }
}

interface Domain {
  /** server → its highest number here; the one that wrote last stands last */
  servers: Map<number, number>;
  lastServer: number;
  lastSeq: number;
}

/** The state of a binary log, as @@gtid_binlog_state and GTID_LIST events: the last number of every server in every domain. Moves along with a log. */
export class MariaState {
  private readonly domains = new Map<number, Domain>();

  /** In the order of a GTID_LIST event: the last GTID of a domain is the one that was written last. */
  static of(gtids: Iterable<MariaGtid>): MariaState {
    const state = new MariaState();
    for (const { domain, server, seq } of gtids) state.advance(domain, server, seq);
    return state;
  }

  /**
   * @@gtid_binlog_state, which lists the servers of a domain in any order: the one with the highest number is taken for the last, as it is wherever numbers only
   * rise. What contains() answers does not hang on it. Throws DRILL_GTID_INVALID, and DRILL_GTID_TOO_LARGE.
   */
  static parse(text: string): MariaState {
    return MariaState.of(parseMariaGtids(text).sort((a, b) => a.seq - b.seq));
  }

  /** One transaction more. false: its number is not above the domain's last, which no server writes in strict mode. Allocates only for a server that is new. */
  advance(domain: number, server: number, seq: number): boolean {
    const known = this.domains.get(domain);
    if (!known) {
      this.domains.set(domain, { servers: new Map([[server, seq]]), lastServer: server, lastSeq: seq });
      return true;
    }
    const rising = seq > known.lastSeq;
    if (known.lastServer !== server) known.servers.delete(server);
    known.servers.set(server, seq);
    known.lastServer = server;
    known.lastSeq = seq;
    return rising;
  }

  /** This server's transaction of this number, or a later one of the same server, is in the log. */
  contains(gtid: MariaGtid): boolean {
    return (this.domains.get(gtid.domain)?.servers.get(gtid.server) ?? -1) >= gtid.seq;
  }

  /** Of every domain and server; the one that wrote last stands last in its domain. */
  gtids(): MariaGtid[] {
    return [...this.domains.keys()]
      .sort((a, b) => a - b)
      .flatMap((domain) => Array.from(this.domains.get(domain)!.servers, ([server, seq]) => ({ domain, server, seq })));
  }

  position(): MariaPosition {
    return MariaPosition.of(this.gtids());
  }

  toString(): string {
    return this.gtids().map(mariaGtidText).join(',');
  }
}
