"""The Export page: what was collected, how it is set, and one file of all of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from psm_viz import paths
from psm_viz.charts import bundle, export, views
from psm_viz.charts.address import parse_address
from psm_viz.charts.export import Export, Setting, Source
from psm_viz.charts.figures import Figure
from psm_viz.errors import PsmVizError, UnknownName
from psm_viz.study.reader import Study
from psm_viz.ui import controls, figure, studies, study_list
from psm_viz.ui.export_menu import COLLECTED, NAMES

WIDTHS = {"page": "as on its page", "89": "89 mm, one column", "183": "183 mm, two columns"}
LOOKS = {"print": "Print (white)", "light": "Light", "dark": "Dark"}
ASK = "Beside any figure open Data and press Collect for export, or give the link of its page."


@dataclass(frozen=True)
class _Item:
    """One collected figure."""

    link: str
    one: Figure
    source: Source
    study: Study


def page() -> None:
    """The whole page."""
    messages = st.container()
    _take_from_link(messages)
    figure.finding("Figures to take along")
    _add(messages)
    items = _items(messages)
    if not items:
        figure.empty("No figure was collected yet.", ASK)
        return
    left, right = st.columns([1.4, 1], gap="medium")
    with right:
        forms, setting = _pick_setting(messages)
    with left:
        _list(items)
        with figure.guard():
            setting.check()
            _preview(items, setting)
    with right, figure.guard():
        setting.check()
        _download(items, forms, setting)


def _take_from_link(messages: Any) -> None:
    """Collect what the page's own address names: `view`, once each."""
    for link in st.query_params.get_all("view"):
        _collect_view(link, messages)
    if "view" in st.query_params:
        del st.query_params["view"]


def _study_of(link: str) -> Study:
    """The study that a link names, or the default one. Raises PsmVizError."""
    folders, named = study_list.study_folders(), parse_address(link).study
    if named and named not in folders:
        raise UnknownName(f"The link asks for a study that is not here: {named[:80]!r}.", "")
    return studies.opened(folders[named] if named else next(iter(folders.values())))


def _collect_view(link: str, messages: Any) -> None:
    """Collect every figure of a view; what is wrong with its link is told."""
    try:
        study = _study_of(link)
        view, named = views.view_of(studies.reads(study), link), parse_address(link).study
        found = [f for f in views.charts_of(view) if isinstance(f, Figure)]
    except PsmVizError as e:
        with messages:
            figure.notice(e)
        return
    held = st.session_state.setdefault(COLLECTED, [])
    new = [(view.link_of(one, named), one.told.name) for one in found]
    held += [item for item in new if item not in held]


def _add(messages: Any) -> None:
    """A line for the link of a page."""
    with st.form("add", clear_on_submit=True, border=False):
        columns = st.columns([5, 1], vertical_alignment="bottom")
        link = columns[0].text_input(
            "Add all figures of a page by its link", placeholder="map?checkpoint=... or drift?..."
        )
        if columns[1].form_submit_button("Add", width="stretch") and link.strip():
            _collect_view(link, messages)


def _items(messages: Any) -> list[_Item]:
    """The collected figures, drawn anew from their studies; one that is no longer there is told."""
    out = []
    for link, name in st.session_state.get(COLLECTED, []):
        try:
            study = _study_of(link)
            view = views.view_of(studies.reads(study), link)
            one = next(f for f in views.charts_of(view, [name]) if isinstance(f, Figure))
        except PsmVizError as e:
            with messages:
                figure.notice(e)
                args = (link, name)
                st.button(f"Remove {name}", key=f"gone-{link}-{name}", on_click=_remove, args=args)
        else:
            out.append(_Item(link, one, view.source_of(one), study))
    return out


def _list(items: Sequence[_Item]) -> None:
    """What was collected, each with a way out."""
    figure.label(f"{len(items)} collected")
    for n, item in enumerate(items):
        told = item.one.told
        with st.container(
            horizontal=True, vertical_alignment="center", wrap=False, key=f"item-{n}"
        ):
            st.html(
                f'<div class="psm-item"><b>{escape(told.title)}</b><br>'
                f'<a href="{escape(item.link)}" target="_self">{escape(told.name)}</a></div>'
            )
            st.button(
                "Remove",
                key=f"remove-{n}",
                type="tertiary",
                on_click=_remove,
                args=(item.link, told.name),
            )


def _remove(link: str, name: str) -> None:
    st.session_state[COLLECTED].remove((link, name))


def _pick_setting(
    messages: Any,
) -> tuple[list[str], Setting]:
    """The forms, and how figures are set."""
    forms = st.multiselect("Files", list(NAMES), list(bundle.USUAL), format_func=NAMES.__getitem__)
    width = controls.pick_segment("Width", WIDTHS, "width", messages)
    theme = controls.pick_segment("Colours", LOOKS, "theme", messages)
    size = st.number_input("Type size in pt, of ordinary words", 4.0, 24.0, 7.0, 0.5)
    words = st.toggle("Finding and caption above each figure")
    return forms, Setting(theme, None if width == "page" else float(width), size, words)


def _export(item: _Item, setting: Setting) -> Export:
    record = export.record_of(item.one, item.source, item.link)
    return Export(item.one, record, setting)


@st.cache_data(max_entries=12, show_spinner="Drawing ...")
def _drawn(sha: str, link: str, name: str, setting: Setting, _item: _Item) -> tuple[str, int]:
    made = _export(_item, setting)
    return export.svg(made).decode(), round(made.drawn.size[0] / 0.75)


def _preview(items: Sequence[_Item], setting: Setting) -> None:
    """One figure as its files will be, in its printed size at most."""
    names = {str(n): item.one.told.name for n, item in enumerate(items)}
    with st.container(key="preview"):
        n = st.selectbox("Look at", list(names), format_func=lambda k: names.get(str(k), str(k)))
        item = items[int(n or 0)]
        drawn, wide = _drawn(item.source.sha256, item.link, item.one.told.name, setting, item)
        st.image(drawn, width=min(wide, 700), caption=f"{wide * 0.75 / 72 * 25.4:.0f} mm wide")


def _download(items: Sequence[_Item], forms: Sequence[str], setting: Setting) -> None:
    """One zip of all, and the command that writes the same."""
    if not forms:
        figure.caption("Choose at least one kind of file.")
        return

    def made() -> bytes:
        every = [_export(item, setting) for item in items]
        return bundle.zipped(bundle.bundle_of(every, bundle.forms_of(forms)))

    st.download_button(
        f"Download {len(items)} {'figure' if len(items) == 1 else 'figures'} as one zip",
        data=made,
        file_name="figures.zip",
        mime="application/zip",
        on_click="ignore",
        type="primary",
        icon=":material/download:",
    )
    figure.caption(
        "In it: each figure with its caption, hashes of all files, and a README. Without a "
        "browser, a zip a page, the same bytes a file:"
    )
    for command in _commands(items, forms, setting):
        st.code(command, language="bash", wrap_lines=True)


def _commands(items: Sequence[_Item], forms: Sequence[str], setting: Setting) -> list[str]:
    """What writes these figures without a browser: a line a view."""
    plain, out = Setting(), []
    for link in dict.fromkeys(item.link for item in items):
        own = [i for i in items if i.link == link]
        folder = paths.from_here(own[0].study.folder)
        words = ["python", "-m", "psm_viz", "export", "--study", str(folder)]
        words += ["--view", link, "--figure", *(i.one.told.name for i in own)]
        words += ["--format", ",".join(forms)]
        words += ["--width", f"{setting.width:g}"] if setting.width else []
        words += ["--theme", setting.theme] if setting.theme != plain.theme else []
        words += ["--font-size", f"{setting.font_size:g}"] if setting.font_size != 7 else []
        words += ["--caption"] if setting.caption else []
        out.append(shlex.join([*words, "--out", f"figures-{len(out) + 1}.zip"]))
    return out if len(out) > 1 else [out[0].replace("figures-1.zip", "figures.zip")]
