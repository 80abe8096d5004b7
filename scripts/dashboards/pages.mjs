// The dashboards as the files of the chart that Grafana is given.
import { abuse } from './abuse.mjs';
import { capacity } from './capacity.mjs';
import { gateway } from './gateway.mjs';
import { overview } from './overview.mjs';
import { roles } from './roles.mjs';

/** All of them, by the name of their file. */
export const DASHBOARDS = { overview, gateway, roles, abuse, capacity };

/** The files' texts, by path. */
export function dashboardPages() {
  return Object.fromEntries(
    Object.entries(DASHBOARDS).map(([name, board]) => [
      `charts/mosaic-cluster/files/dashboards/${name}.json`,
      `${JSON.stringify(board, null, 2)}\n`,
    ]),
  );
}
