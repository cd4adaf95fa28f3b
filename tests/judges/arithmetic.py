"""Calculates orders with fractions, and holds what Daybook's program `pricing` makes of them against that.

It was written from the description of the calculation and not from the code: lines, discounts, fees, groups of what is
taxed alike, the tax rounded once for each group, shares by largest remainder, and the values of parts. Orders are made
by chance, and read from a file of invoices: each is tried with several rates, with net and with gross prices.

PRICING is the program, INVOICES the file, and SEED makes the same orders again.
"""

import csv
import gzip
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from fractions import Fraction

SEED = int(os.environ.get("SEED", "1"))
ORDERS = 20_000
MODES = ("gross", "net")
RATES = ("19", "7", "20", "8.875")
REASONS = ("zero", "export", "reverse_charge", "intra_community", "exempt", "not_subject")


def half_up(number):
    return math.floor(number + Fraction(1, 2))


def shares(total, weights):
    whole = sum(weights)
    if whole == 0:
        assert total == 0, "no tax on nothing"
        return [0] * len(weights)
    exact = [Fraction(total * weight, whole) for weight in weights]
    given = [math.floor(share) for share in exact]
    by_rest = sorted(range(len(weights)), key=lambda index: (given[index] - exact[index], index))
    for index in by_rest[: total - sum(given)]:
        given[index] += 1
    return given


def taxed(mode, rate, prices):
    """The net amount and the tax of all prices of a group."""
    if mode == "net":
        return prices, half_up(prices * rate)
    tax = half_up(prices * rate / (1 + rate))
    return prices - tax, tax


class Calculated:
    def __init__(self, order):
        self.order = order
        self.mode = order["mode"]
        self.amounts = [line["unit_price"] * line["quantity"] for line in order["lines"]]
        self.discounts = [
            min(line["discount"], amount) for line, amount in zip(order["lines"], self.amounts, strict=True)
        ]
        self.prices = [amount - less for amount, less in zip(self.amounts, self.discounts, strict=True)]
        self.prices += [fee["price"] for fee in order["fees"]]
        self.classes = [thing["class"] for thing in order["lines"] + order["fees"]]
        # What is taxed alike, in the order in which it comes first, with the members of each.
        self.groups = {}
        for index, name in enumerate(self.classes):
            per_cent, reason = order["taxes"][name]
            self.groups.setdefault((Fraction(per_cent) / 100, reason), []).append(index)
        self.rates = [rate for rate, _ in self.groups]

    def value(self, pieces, fees):
        """What the groups come to, if so many pieces of the lines are kept."""
        lines = self.order["lines"]
        kept = [price * k // line["quantity"] for price, k, line in zip(self.prices, pieces, lines)]
        kept += [fee["price"] if fees else 0 for fee in self.order["fees"]]
        sums = [sum(kept[index] for index in members) for members in self.groups.values()]
        return [taxed(self.mode, rate, prices) for rate, prices in zip(self.rates, sums, strict=True)]

    def terms(self):
        all_pieces = [line["quantity"] for line in self.order["lines"]]
        whole = self.value(all_pieces, True)
        groups, parts = [], [None] * len(self.prices)
        for number, ((rate, reason), members) in enumerate(self.groups.items()):
            base, tax = whole[number]
            group = {"class": self.classes[members[0]], "rate_ppm": int(rate * 1_000_000), "reason": reason}
            groups.append(without_zeros({**group, "base": base, "tax": tax}))
            for index, share in zip(members, shares(tax, [self.prices[index] for index in members])):
                pay = self.prices[index] + (share if self.mode == "net" else 0)
                parts[index] = {"group": number, "pay": pay, "tax": share}
        count = len(self.amounts)
        lines = [{**part, "discount": less} for part, less in zip(parts, self.discounts)]
        fees = [{**part, "kind": "shipping", "name": "Shipping"} for part in parts[count:]]
        terms = {
            "groups": groups,
            "lines": [without_zeros(line) for line in lines],
            "goods": sum(self.amounts),
            "discount": sum(self.discounts),
            "tax": sum(tax for _, tax in whole),
            "total": sum(part["pay"] for part in parts),
        }
        if fees:
            terms["fees"] = [without_zeros(fee) for fee in fees]
        return without_zeros(terms)

    def check_parts(self, values):
        """The values are those of more and more pieces: no part is negative, and they add up."""
        sums = [[0, 0] for _ in self.groups]
        for before, after in zip(values, values[1:]):
            for group, (old, new) in enumerate(zip(before, after, strict=True)):
                net, tax = new[0] - old[0], new[1] - old[1]
                assert net >= 0 and tax >= 0, "a part is negative"
                sums[group][0] += net
                sums[group][1] += tax
                rate = self.rates[group]
                exact = net * rate if self.mode == "net" else (net + tax) * rate / (1 + rate)
                assert abs(tax - exact) <= 1, "the tax of a part is not within one unit"
        assert values[0] == [[0, 0]] * len(sums), "nothing is worth something"
        assert sums == values[-1], "parts don't add up"


def without_zeros(members):
    return {name: value for name, value in members.items() if value != 0}


def ways(chance, lines):
    """Takes more and more pieces until all are taken. The fees come with the first part, or later."""
    pieces, fees = [0] * len(lines), False
    kept = [[list(pieces), fees]]
    for _ in range(chance.randint(0, 4)):
        for index, line in enumerate(lines):
            if chance.random() < 0.5:
                pieces[index] += chance.randint(0, line["quantity"] - pieces[index])
        fees = fees or chance.random() < 0.7
        kept.append([list(pieces), fees])
    kept.append([[line["quantity"] for line in lines], True])
    return kept


def made(chance):
    def price():
        return chance.choice((chance.randint(0, 20), chance.randint(0, 3_000), chance.randint(0, 10**12)))

    def tax():
        if chance.random() < 0.2:
            return ["0", chance.choice(REASONS)]
        millionths = chance.choice((chance.randint(1, 1_000_000), chance.randint(1, 25) * 10_000))
        return ["%d.%04d" % divmod(millionths, 10_000), "standard"]

    taxes = {name: tax() for name in ("standard", "books", "tea", "a_1")}
    lines = []
    for _ in range(chance.choice((1, 2, 3, 5, 8, 20))):
        unit_price = price()
        quantity = chance.choice((1, 1, 2, 3, chance.randint(1, 100), chance.randint(1, 100_000)))
        discount = chance.choice((0, 0, chance.randint(0, unit_price * quantity), chance.randint(0, 10**18)))
        name = chance.choice(list(taxes))
        lines.append({"unit_price": unit_price, "quantity": quantity, "discount": discount, "class": name})
    fees = [{"price": price(), "class": chance.choice(list(taxes))} for _ in range(chance.choice((0, 0, 1, 2)))]
    mode = chance.choice(MODES)
    return {"mode": mode, "lines": lines, "fees": fees, "taxes": taxes, "kept": ways(chance, lines)}


def invoices(path):
    """The lines of each invoice that sell something, in the layout that `daybook load --orders` reads."""
    found = defaultdict(list)
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            quantity, pence = int(row["Quantity"]), Fraction(row["UnitPrice"]) * 100
            if quantity > 0 and pence > 0 and pence.denominator == 1 and not row["InvoiceNo"].startswith("C"):
                line = {"unit_price": int(pence), "quantity": quantity, "discount": 0, "class": "standard"}
                found[row["InvoiceNo"]].append(line)
    return found.values()


def orders():
    chance = random.Random(SEED)
    for _ in range(ORDERS):
        yield made(chance)
    for lines in invoices(os.environ["INVOICES"]):
        for rate in RATES:
            for mode in MODES:
                taxes = {"standard": [rate, "standard"]}
                yield {"mode": mode, "lines": lines, "fees": [], "taxes": taxes, "kept": ways(chance, lines)}


def compare(order, answer):
    calculated = Calculated(order)
    terms = {name: value for name, value in answer["terms"].items() if name not in OF_NO_AMOUNT}
    assert terms == calculated.terms(), "other terms: %s" % calculated.terms()
    values = [[list(group) for group in calculated.value(*kept)] for kept in order["kept"]]
    assert answer["values"] == values, "other values: %s" % values
    calculated.check_parts(answer["values"])


# What the terms say beside amounts.
OF_NO_AMOUNT = {"mode", "tax_date", "country", "buyer"}


def main():
    with tempfile.TemporaryFile("w+") as asked, tempfile.TemporaryFile("w+") as answered:
        for order in orders():
            asked.write(json.dumps(order) + "\n")
        asked.seek(0)
        subprocess.run([os.environ["PRICING"]], check=True, stdin=asked, stdout=answered, timeout=300)
        asked.seek(0)
        answered.seek(0)
        count = 0
        for order, answer in zip(asked, answered, strict=True):
            try:
                compare(json.loads(order), json.loads(answer))
            except (AssertionError, KeyError) as wrong:
                sys.exit("SEED=%d: %s\n%s%s" % (SEED, wrong, order, answer))
            count += 1
    assert count > ORDERS, "there are no invoices"
    print("SEED=%d: %d orders, %d of them made by chance" % (SEED, count, ORDERS))


if __name__ == "__main__":
    main()
