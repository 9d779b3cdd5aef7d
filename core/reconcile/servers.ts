/** Whose client wrote each transaction of a log: replication keeps the server_id of its events, a replay through a client stamps that of the server it runs on. */
import { GtidSet } from '../gtid.ts';
import { GtidOrder } from './order.ts';

export class ServerIds {
  private readonly byId = new Map<number, GtidOrder>();

  add(gtid: string, id: number): void {
    const order = this.byId.get(id);
    if (order) order.add(gtid);
    else this.byId.set(id, new GtidOrder()).get(id)!.add(gtid);
  }

  /** GTIDs that both logs have, under different ids. */
  differing(other: ServerIds): GtidSet {
    let found = GtidSet.empty;
    for (const [id, mine] of this.byId) for (const [otherId, theirs] of other.byId) if (id !== otherId) found = found.union(mine.set().intersect(theirs.set()));
    return found;
  }
}
