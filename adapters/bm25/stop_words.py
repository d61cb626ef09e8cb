"""Words too common to carry meaning, by ISO 639-1 code. Small on purpose: inverse document frequency does the rest."""

from collections.abc import Mapping
from typing import Final

_ENGLISH: Final = """
a an the this that these those
i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
it its itself they them their theirs themselves
am is are was were be been being isn aren wasn weren ain
have has had having hasn haven hadn do does did done doing don doesn didn
will would shall should can could may might must cannot won wouldn shouldn couldn mustn needn
and or but nor if then than so because while although though whether
of at by for with without within about into onto to from in on upon out off up down over under
above below between through during before after against per via as
who whom whose which what when where why how
here there again further also too very just only both each either neither any some such same other another all
more most few own not no
please etc eg ie let us
"""

_OTHERS: Final[Mapping[str, str]] = {
    "de": """
        der die das den dem des ein eine einen einem einer eines und oder aber wenn weil dass ob als wie auch nur noch
        schon sehr so zu zum zur im in an am auf aus bei mit nach von vom vor für über unter durch um bis gegen ohne
        ich du er sie es wir ihr mich dich ihn uns euch ihnen mein dein sein unser euer dieser diese dieses diesen
        ist sind war waren wird werden wurde wurden hat haben hatte hatten kann können muss müssen soll sollen
        nicht kein keine was wer wo wann warum welche welcher welches man sich
        darf darfst dürfen dürft durfte durften dürfte dürften kannst könnt konnte konnten könnte könnten
        musst müsst musste mussten müsste müssten sollst sollt sollte sollten will willst wollen wollt wollte
        wollten mag möchte möchten wäre wären sei seid bin bist gewesen worden werde wirst würde würden gibt
        gab lässt lassen lass geht hast hattest habe gehabt tun tut wen wem wessen welchem welchen wieviel
        wohin woher womit wofür wodurch worin woran weshalb wieso jeder jede jedes alle alles manche einige
        etwas dann da hier dort also doch mal bitte denn ja nein beim ins ans sowie sondern während
    """,
    "es": """
        el la los las un una unos unas lo y o u e ni pero si porque que como cuando donde quien cual cuales cuanto
        de del a al en con sin por para sobre entre hasta desde hacia yo tú él ella nosotros ellos ellas usted me te se
        nos le les mi tu su sus este esta esto estos estas ese esa eso es son era eran fue fueron ser estar está están
        ha han haber hay no sí más menos muy ya también qué cómo cuándo dónde quién cuál
        cuánto cuánta cuántos cuántas cuáles quiénes adónde puede puedo pueden puedes podemos poder podría
        podrían debe debo deben debes deber debería tiene tengo tienen tienes tener tenía hace hacen hacer
        hago quiero quiere quieren haya hubo sea sean sido siendo estoy estamos estará será serán fuera así
        aquí ahí allí entonces tampoco solo sólo todo toda todos todas cada otro otra otros otras algún alguna
        algo nada durante según favor
    """,
    "fr": """
        le la les un une des du de d l au aux et ou mais si car que qui quoi dont où quand comment pourquoi quel quelle
        quels quelles ce cet cette ces je tu il elle on nous vous ils elles me te se lui leur mon ton son ma ta sa mes
        tes ses notre votre nos vos leurs à en dans par pour sur sous avec sans entre vers chez est sont était étaient
        être a ont avait avoir fait ne pas jamais rien plus moins très aussi y qu n s c j m t
    """,
    "it": """
        il lo la i gli le un uno una l d e o ma se perché che chi cui quale quali quando dove come di a da in con su per
        tra fra del dello della dei degli delle al allo alla ai agli alle dal dalla nel nella nei sul sulla io tu lui
        lei noi voi loro mi ti si ci vi questo questa questi queste quello quella è sono era erano essere ha hanno
        avere non più meno molto anche già cosa
    """,
    "nl": """
        de het een en of maar als dan dat die dit deze wie wat waar wanneer waarom hoe welke van voor met zonder in op
        aan bij uit naar tot door over onder tussen om te ik jij je hij zij ze wij we jullie u mij hem haar ons hun mijn
        jouw zijn is was waren wordt worden werd heeft hebben had kan kunnen moet moeten zal zullen niet geen ook nog al
        zeer er
    """,
    "pt": """
        o a os as um uma uns umas e ou mas se porque que quem qual quais quando onde como de do da dos das em no na nos
        nas por pelo pela para com sem sobre entre até desde eu tu ele ela nós vocês eles elas me te lhe meu minha seu
        sua este esta isto esse essa isso é são era eram foi foram ser estar está estão há ter tem não sim mais menos
        muito também já
    """,
}

STOP_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "en": frozenset(_ENGLISH.split()),
    **{language: frozenset(words.split()) for language, words in _OTHERS.items()},
}
