/** `mosaic-admin plan`: how large a cluster must be. */
import type { Host } from '@mosaic-cluster/client/command';
import type { Command } from 'commander';
import { EXIT_HELP } from '../exit-code.ts';
import { addPlanOptions, loadOf, type PlanOptions } from './plan-options.ts';
import { planJson, planText } from './plan-report.ts';
import { planOf } from './plan.ts';

const HELP = `
Looks at nothing and asks nobody: it reckons with figures that were measured on one machine, which
docs/sizing.md names. Take it as a beginning, and measure on yours.

Processes are planned to be busy with one core at 60 % at the peak, two of each at least. Servers
remove nothing by age: --retention is how long records come in, and all of them are counted. Prices are
in any currency; by default the list prices of a large provider, in dollars.

Examples:
  mosaic-admin plan --records-per-day 5000000 --users 100000 --connections 20000
  mosaic-admin plan --records-per-second 200 --queries-per-second 500 --retention 730d
  mosaic-admin plan --records-per-day 1000000 --price-thousand-puts 0 --json | jq .plan.cost
${EXIT_HELP}`;

/** Adds `plan` to the command. */
export function registerPlan(program: Command, host: Host): void {
  const command = program
    .command('plan')
    .summary('say how large a cluster must be')
    .description('Says how large a cluster must be for a load, and what its object store costs.');
  addPlanOptions(command)
    .addHelpText('after', HELP)
    .action((options: PlanOptions) => {
      const load = loadOf(options);
      const plan = planOf(load);
      host.write(options.json === true ? planJson(load, plan) : planText(load, plan));
    });
}
