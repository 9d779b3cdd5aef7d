/** `drillbook lab`: what a person can do to the nodes of a running lab, as to machines: look, start, stop, and end a node's safe state. */
import { Command } from 'commander';
import { DrillError } from '../../core/errors.ts';
import type { CutState, PlatformFacts } from '../../targets/port.ts';
import { connectLocal } from '../../targets/platforms/local/connect.ts';
import type { LocalPlatform } from '../../targets/platforms/local/connect.ts';
import { EXIT } from './context.ts';
import type { CliContext } from './context.ts';

interface LabOptions {
  lab?: string;
  json?: boolean;
}
type Answer = { facts: PlatformFacts; cut: CutState };

export function labCommand(ctx: CliContext): Command {
  const lab = new Command('lab').description('the nodes of a running lab: status, start, stop, lift');
  const add = (name: string, what: string, act: (platform: LocalPlatform, node: string) => Promise<void>): void => {
    const command = new Command(name)
      .description(what)
      .option('--lab <lab.json>', 'state file of the lab (default: $DRILLBOOK_LAB)')
      .option('--json', 'print the state afterwards as JSON');
    if (name !== 'status') command.argument('<node>', 'for example db1');
    command.action(async (...args: unknown[]) => {
      const [node, options] = (name === 'status' ? ['', args[0]] : args) as [string, LabOptions];
      await perform(ctx, options, (platform) => act(platform, node));
    });
    lab.addCommand(command.exitOverride());
  };
  add('status', 'nodes, service address, cuts', async () => {});
  add('start', 'start a node and wait until it answers; a killed source comes back in its safe state', (p, node) => p.start(node));
  add('stop', 'stop a node in order', (p, node) => p.stop(node));
  add('lift', 'end the safe state of a node that was rebuilt as a replica; holds from its next start', (p, node) => p.liftSafeState(node));
  return lab;
}

async function perform(ctx: CliContext, o: LabOptions, act: (platform: LocalPlatform) => Promise<void>): Promise<void> {
  const stateFile = o.lab ?? ctx.env['DRILLBOOK_LAB'];
  if (stateFile === undefined || stateFile === '')
    throw new DrillError('DRILL_USAGE', 'no lab named', 'drillbook lab … --lab <lab.json>, or set DRILLBOOK_LAB');
  const platform = await connectLocal(stateFile);
  try {
    await act(platform);
    const answer = { facts: await platform.facts(), cut: await platform.cutState() };
    ctx.stdout.write(o.json ? `${JSON.stringify(answer)}\n` : labText(answer));
    ctx.exit(EXIT.pass);
  } finally {
    platform.close();
  }
}

export function labText({ facts, cut }: Answer): string {
  const nodes = facts.nodes.map((n) => {
    const notes = [
      facts.service.holders.includes(n.name) ? 'has the service address' : '',
      n.safeState ? 'SAFE STATE: read-only, offline, replication stopped at its next start' : '',
    ];
    return `${n.name}  ${n.address}:${n.port}  ${n.running ? 'running' : 'down   '}  ${n.socket}  ${notes.filter(Boolean).join('; ')}`.trimEnd();
  });
  const cuts = cut.live.map((c) => `cut: ${c.pair[0]} → ${c.pair[1]}, heals by itself in ${(c.expiresInMs / 1000).toFixed(1)} s`);
  return `${[...nodes, `service address ${facts.service.address}:${facts.service.port}`, ...cuts].join('\n')}\n`;
}
