"""Wi-Fi as each system tells of it."""

import pytest

from partner_api.agent.measuring.wifi import (
    channel_of,
    parse_iw_link,
    parse_netsh,
    parse_proc_wireless,
    parse_system_profiler,
    read_wifi,
)

PROC_WIRELESS = """\
Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
wlp2s0: 0000   58.  -52.  -256        0      0      0     12    143        0
 wlan1: 0000   70.  -40.  -95.        0      0      0      0      0        0
"""
IW_LINK = """\
Connected to a4:2b:b0:c9:11:5f (on wlp2s0)
\tSSID: Caf\\xc3\\xa9 am Markt
\tfreq: 5745
\tRX: 98765432 bytes (87654 packets)
\tTX: 1234567 bytes (9876 packets)
\tsignal: -52 dBm
\trx bitrate: 780.0 MBit/s VHT-MCS 8 80MHz VHT-NSS 2
\ttx bitrate: 866.7 MBit/s VHT-MCS 9 80MHz short GI VHT-NSS 2

\tbss flags:\tshort-slot-time
\tdtim period:\t1
\tbeacon int:\t100
"""
SYSTEM_PROFILER = """\
Wi-Fi:

      Software Versions:
          CoreWLAN: 16.0 (1657)
      Interfaces:
        en0:
          Card Type: Wi-Fi  (0x14E4, 0x4388)
          MAC Address: a4:83:e7:00:00:01
          Supported Channels: 1 (2GHz), 2 (2GHz), 36 (5GHz), 149 (5GHz)
          Status: Connected
          Current Network Information:
            Workshop: 2nd floor:
              PHY Mode: 802.11ax
              BSSID: a4:2b:b0:c9:11:5f
              Channel: 149 (5GHz, 80MHz)
              Country Code: DE
              Network Type: Infrastructure
              Security: WPA2 Personal
              Signal / Noise: -52 dBm / -91 dBm
              Transmit Rate: 866
              MCS Index: 9
          Other Local Wi-Fi Networks:
            Neighbours:
              PHY Mode: 802.11n
              Channel: 6 (2GHz, 20MHz)
              Signal / Noise: -80 dBm / -92 dBm
"""
NO_NETWORK = SYSTEM_PROFILER.partition("Status:")[0] + "Status: Off\n"
NETSH = """
There are 2 interfaces on the system:

    Name                   : Wi-Fi 2
    Description            : TP-Link Wireless USB Adapter
    GUID                   : 0b7e1c1e-0000-0000-0000-000000000001
    Physical address       : 50:3e:aa:00:00:01
    State                  : disconnected
    Radio status           : Hardware On
                             Software On

    Name                   : Wi-Fi
    Description            : Intel(R) Wi-Fi 6 AX201 160MHz
    GUID                   : 0b7e1c1e-0000-0000-0000-000000000002
    Physical address       : a4:83:e7:00:00:01
    State                  : connected
    SSID                   : Workshop
    BSSID                  : a4:2b:b0:c9:11:5f
    Network type           : Infrastructure
    Radio type             : 802.11ax
    Authentication         : WPA2-Personal
    Cipher                 : CCMP
    Connection mode        : Auto Connect
    Channel                : 149
    Receive rate (Mbps)    : 780
    Transmit rate (Mbps)   : 866.7
    Signal                 : 92%
    Profile                : Workshop

    Hosted network status  : Not available
"""
NEWER_NETSH = (
    NETSH.replace("    BSSID  ", "    AP BSSID")
    .replace("    Channel  ", "    Band                   : 5 GHz\n    Channel  ")
    .replace("    Profile  ", "    Rssi                   : -48\n    Profile  ")
)


def test_linux_knows_signal_and_often_no_noise() -> None:
    assert parse_proc_wireless(PROC_WIRELESS, "wlp2s0") == {"rssiDbm": -52}
    assert parse_proc_wireless(PROC_WIRELESS, "wlan1") == {"rssiDbm": -40, "noiseDbm": -95}
    assert parse_proc_wireless(PROC_WIRELESS, "wlan2") == {}
    assert parse_proc_wireless("", "wlan0") == {}


def test_iw_knows_the_network() -> None:
    assert parse_iw_link(IW_LINK) == {
        "ssid": "Café am Markt",
        "bssid": "a4:2b:b0:c9:11:5f",
        "rssiDbm": -52,
        "channel": 149,
        "band": "5 GHz",
        "rateMbps": 866.7,
    }
    assert parse_iw_link("Not connected.\n") == {}
    assert parse_iw_link("") == {}


def test_an_ssid_without_letters_and_one_that_is_no_text_are_read() -> None:
    assert "ssid" not in parse_iw_link(IW_LINK.replace("Caf\\xc3\\xa9 am Markt", ""))
    assert parse_iw_link("Connected to a4:2b:b0:c9:11:5f (on w)\n\tSSID: \\xff\n")["ssid"] == "�"


@pytest.mark.parametrize(
    ("megahertz", "channel", "band"),
    [
        (2412, 1, "2.4 GHz"),
        (2472, 13, "2.4 GHz"),
        (2484, 14, "2.4 GHz"),
        (5180, 36, "5 GHz"),
        (5825, 165, "5 GHz"),
        (5955, 1, "6 GHz"),
        (7115, 233, "6 GHz"),
        (0, None, None),
        (60480, None, None),
    ],
)
def test_a_frequency_has_a_channel(megahertz: float, channel: int | None, band: str | None) -> None:
    assert channel_of(megahertz) == (channel, band)


def test_macos_tells_of_the_network_it_is_in_and_not_of_its_neighbours() -> None:
    assert parse_system_profiler(SYSTEM_PROFILER) == {
        "ssid": "Workshop: 2nd floor",
        "bssid": "a4:2b:b0:c9:11:5f",
        "rssiDbm": -52,
        "noiseDbm": -91,
        "channel": 149,
        "band": "5 GHz",
        "rateMbps": 866,
    }
    assert parse_system_profiler(NO_NETWORK) is None
    assert parse_system_profiler("") is None


def test_a_name_macos_hides_is_left_out() -> None:
    hidden = SYSTEM_PROFILER.replace("Workshop: 2nd floor", "<redacted>")
    found = parse_system_profiler(hidden.replace("5GHz, 80MHz", "2GHz, 20MHz"))
    assert found is not None
    assert "ssid" not in found
    assert found["band"] == "2.4 GHz"


def test_windows_tells_of_the_connected_interface() -> None:
    known = {
        "ssid": "Workshop",
        "bssid": "a4:2b:b0:c9:11:5f",
        "channel": 149,
        "rateMbps": 866.7,
    }
    assert parse_netsh(NETSH) == {**known, "rssiDbm": -54}
    newer = {**known, "rssiDbm": -48, "band": "5 GHz"}
    assert parse_netsh(NEWER_NETSH) == newer
    assert parse_netsh(NEWER_NETSH.replace("\n", "\r\n")) == newer
    assert parse_netsh(NETSH.replace(": connected", ": disconnected")) is None
    assert parse_netsh("The Wireless AutoConfig Service (wlansvc) is not running.\n") is None


def test_an_interface_without_wifi_has_none() -> None:
    assert read_wifi("lo") is None
