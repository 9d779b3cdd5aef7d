import { mentions } from '../../../core/reconcile/mentions.ts';

test.each<[string, boolean]>([
  ['ALTER TABLE shop.items ADD x INT', true],
  ['ALTER TABLE `shop`.`items` ADD x INT', true],
  ['alter table SHOP . ITEMS add x int', true],
  ['TRUNCATE items', true],
  ['TRUNCATE `items`', true],
  ['RENAME TABLE old.items TO shop.items', true],
  ['DROP DATABASE shop', true],
  ['DROP DATABASE IF EXISTS `shop`', true],
  ['CREATE TABLE other.items (id INT)', false],
  ['CREATE TABLE `other`.`items` (id INT)', false],
  ['CREATE TABLE shop.items_old (id INT)', false],
  ['CREATE TABLE shop.old_items (id INT)', false],
  ['DROP DATABASE shopping', false],
  ['CREATE USER x', false],
])('%s', (statement, expected) => {
  expect(mentions(statement, 'shop.items')).toBe(expected);
});
