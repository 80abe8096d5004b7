// Reads a chart's values with what stands above each of them, for its README and its schema: comments
// that begin with `# -- ` describe a value, `# @schema {…}` says what else is known of it.
import { parse } from 'yaml';

/**
 * The values as a tree: each has `name`, `path`, `value`, `doc`, `hints` and, where it groups others,
 * `children`. A map is a group unless it is described itself.
 *
 * @throws Error that names a value without description
 */
export function readValuesTree(text) {
  const root = { name: '', path: '', value: parse(text), hints: {}, children: [] };
  const open = [{ node: root, indent: -1 }];
  let comments = [];
  for (const line of text.split('\n')) {
    const [, indentText, rest] = /^( *)(.*)$/.exec(line);
    if (rest.startsWith('#')) {
      comments.push(rest.slice(1).trim());
      continue;
    }
    const key = /^([A-Za-z][\w.-]*):/.exec(rest)?.[1];
    const said = comments;
    comments = [];
    if (key === undefined) continue;
    while (open.at(-1).indent >= indentText.length) open.pop();
    const parent = open.at(-1).node;
    // What is inside of a described value belongs to it.
    if (parent.children === undefined) continue;
    const node = describe(key, parent, said);
    parent.children.push(node);
    open.push({ node, indent: indentText.length });
  }
  return root;
}

function describe(name, parent, comments) {
  const path = parent.path === '' ? name : `${parent.path}.${name}`;
  const value = parent.value[name];
  const start = comments.findIndex((comment) => comment.startsWith('-- '));
  const isHint = (comment) => comment.startsWith('@schema ');
  const hint = comments.find(isHint);
  const hints = hint === undefined ? {} : JSON.parse(hint.slice('@schema '.length));
  const node = { name, path, value, hints };
  if (start !== -1) {
    const sentences = comments.slice(start).filter((comment) => !isHint(comment));
    return { ...node, doc: sentences.join(' ').slice('-- '.length) };
  }
  const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isGroup || Object.keys(value).length === 0) {
    throw new Error(`${path} in values.yaml is not described: write "# -- …" above it.`);
  }
  const doc = comments.filter((comment) => !isHint(comment)).join(' ');
  return { ...node, about: doc === '' ? undefined : doc, children: [] };
}

/** All values of a tree that group no others, in order. */
export function leavesOf(node) {
  return node.children === undefined ? [node] : node.children.flatMap(leavesOf);
}
