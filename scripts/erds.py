"""Draw the joins of each area as an SVG, with Graphviz: the streams, their keys and the fields that join them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from html import escape

from tap_servicetitan.endpoints import table
from tap_servicetitan.explore.stream_facts import Field, fields

AREAS: Mapping[str, str] = {
    "CRM": (
        "customers locations contacts contact_methods customer_contacts location_contacts customer_notes location_notes"
        " bookings leads calls campaigns tag_types business_units"
    ),
    "Jobs": (
        "jobs appointments appointment_assignments job_types job_notes job_history job_canceled_logs job_cancel_reasons"
        " projects project_statuses project_sub_statuses project_types customers locations estimates invoices"
    ),
    "Money": (
        "invoices invoice_items payments payment_types payment_terms credit_memos credit_memo_items estimates estimate_items"
        " ap_bills ap_payments inventory_bills journal_entries journal_entry_details gl_accounts customers jobs tax_zones"
    ),
    "Memberships": (
        "memberships_export membership_types membership_status_changes recurring_services recurring_service_types"
        " recurring_service_events invoice_templates customers locations jobs invoices service_agreements"
    ),
    "Inventory": (
        "purchase_orders purchase_order_types receipts returns return_types adjustments transfers vendors warehouses trucks"
        " inventory_templates inventory_bills jobs equipment materials installed_equipment equipment_types"
    ),
    "Payroll": (
        "payrolls gross_pay_items payroll_adjustments activity_codes job_splits job_timesheets non_job_timesheets"
        " timesheet_codes activities activity_types activity_categories jobs technicians business_units appointments"
    ),
    "Marketing": (
        "campaigns marketing_categories costs campaign_cost_summaries campaign_performance attributed_leads reviews"
        " bookings leads calls jobs customers schedulers scheduler_sessions"
    ),
    "Dispatch": (
        "appointment_assignments appointments jobs technicians technician_shifts technician_skills non_job_appointments"
        " teams zones business_units job_types arrival_windows capacities timesheet_codes"
    ),
}
"""The streams that are drawn together."""


def joins(stream: str, shown: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a stream that join to the streams shown, without those inside of lists of objects."""
    endpoint = next(each for each in table.TABLE if each.name == stream)
    for top in fields(endpoint):
        inner: tuple[Field, ...] = (top, *(top.fields if top.type == "object" else ()))
        for field in inner:
            if field.joins_to in shown:
                yield field.path, field.joins_to


def graph(area: str) -> str:
    """Return the picture of an area in Graphviz's language."""
    shown = set(AREAS[area].split())
    lines = [
        "digraph {",
        f'graph [rankdir=LR, bgcolor=transparent, nodesep=.22, ranksep=1.1, fontname=Helvetica, pad=.2, label="", id="{area}"]',
        "node [shape=plain, fontname=Helvetica, fontsize=13]",
        "edge [arrowsize=.7, color=gray50]",
    ]
    for stream in sorted(shown):
        found = list(joins(stream, shown))
        lines.append(
            f'{stream} [id="node-{stream}", URL="#open={stream}", tooltip="{stream}", label=<{_box(stream, found)}>]'
        )
        lines += [
            f'{stream}:"{path}":e -> {target}:"id":w [id="edge-{number}--{stream}--{target}", tooltip="{path}"]'
            for number, (path, target) in enumerate(found)
            if target != stream
        ]
    return "\n".join([*lines, "}"])


def _box(stream: str, found: list[tuple[str, str]]) -> str:
    head = f'<tr><td port="id" bgcolor="#e4effa" align="left" cellpadding="6"><b>{stream}</b></td></tr>'
    rows = (f'<tr><td port="{escape(path)}" align="left">{escape(path)}</td></tr>' for path, _ in found)
    return f'<table border="0" cellborder="1" cellspacing="0" cellpadding="4">{head}{"".join(rows)}</table>'


def drawings() -> Iterator[tuple[str, str]]:
    """Yield each area and its picture, as an SVG element to put into a page."""
    dot = shutil.which("dot")
    if dot is None:
        sys.exit(
            "The pictures of the joins need Graphviz, whose command is dot: install the package graphviz of your system."
        )
    for area in AREAS:
        done = subprocess.run([dot, "-Tsvg"], input=graph(area), capture_output=True, text=True, check=True)  # noqa: S603 -- Graphviz
        svg = done.stdout[done.stdout.index("<svg") :]
        yield area, re.sub(r"<!--.*?-->\n?|<title>.*?</title>\n?|xlink:title=\"[^\"]*\"", "", svg, flags=re.DOTALL)
